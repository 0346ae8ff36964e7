"""Our contract for a service, as tests of pytest: what every service promises, for a package that adds one.

    from imgen_providers.testing import Refusal, ServiceContract

    class TestExample(ServiceContract):
        name = "example"
        ...

Needs the extra `testing` (pytest, respx). The package must be installed where its tests run.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("imgen_providers.testing.contract")

from imgen_providers.testing.bodies import Refusal  # noqa: E402
from imgen_providers.testing.contract import KEY, ServiceContract, SynchronousContract  # noqa: E402
from imgen_providers.testing.wire import Reply, WireServer, reply  # noqa: E402

__all__ = ["KEY", "Refusal", "Reply", "ServiceContract", "SynchronousContract", "WireServer", "reply"]
