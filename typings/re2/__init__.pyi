# The part of google-re2 that tflir uses; the package ships no types.

class error(Exception): ...

class Options:
    log_errors: bool
    never_capture: bool

class _Regexp:
    def search(self, text: bytes) -> object | None: ...

def compile(pattern: bytes, options: Options | None = None) -> _Regexp: ...
