"""The only places that know an SDK: each adapter serves one protocol of ``ports`` or ``tokens``."""
