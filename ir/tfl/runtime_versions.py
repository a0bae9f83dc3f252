def min_runtime_version(b, v): return ""
def latest(v): return ""
