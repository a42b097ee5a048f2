"""The operator's command line: doctor, plan, verify, replay, erase."""
