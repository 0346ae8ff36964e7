"""Whom TLS trusts here, and what to say of a certificate that is not trusted."""

from __future__ import annotations

import ssl

from imgen_providers.errors import NotSent, origins

# OpenSSL's codes (X509_V_ERR_*) for a chain that ends at an unknown issuer: most likely a company's own.
_UNKNOWN_ISSUER = (18, 19, 20, 21)


def context(ca_file: str | None, ca_name: str | None = None, *, system: bool) -> ssl.SSLContext:
    """The certificates of a PEM file, else the machine's own (needs truststore), else those of certifi.

    Raises `NotSent` where the file, called `ca_name`, cannot be read, or the one that SSLKEYLOGFILE names be written.
    """
    if system and not ca_file:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import certifi

    file = ca_file or certifi.where()
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as failed:  # of either file; the certificates are read a second time only to know of which
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as error:
            raise NotSent(f"The certificates of {ca_name or file} cannot be read: {error.strerror}.") from None
        raise NotSent(f"The file that SSLKEYLOGFILE names cannot be written: {failed.strerror}.") from failed


def distrust(error: BaseException) -> str | None:
    """What is wrong with the other side's certificate, without a full stop; None where something else went wrong."""
    cause = next((each for each in origins(error) if isinstance(each, ssl.SSLCertVerificationError)), None)
    if cause is None:
        return None
    reason = f"its certificate is not trusted here ({cause.verify_message.rstrip('.')})"
    if cause.verify_code in _UNKNOWN_ISSUER:
        reason += "; SSL_CERT_FILE names a file with those to trust, such as your company's"
    return reason
