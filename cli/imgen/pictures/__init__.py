"""Pictures: named, downloaded, verified, and put in place without harming another file."""
