def adopt(module): pass
