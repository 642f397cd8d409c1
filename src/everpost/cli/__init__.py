"""The command line: runs the instance, and asks or changes it from outside of the web.

Every command finds the running instance by `EVERPOST_DATABASE_URL`, else by the data folder (`EVERPOST_DATA` or the
default one), and says plainly when nothing runs there.
"""
