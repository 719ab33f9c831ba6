"""The compile floor: the same Python as one XLA program.

`compile` runs a function once with stand-ins for its values; forward, backward and update become one program. The
Variables it reads or writes are found on the way, passed in and out, and their memory is reused.
"""

from chainrule.compile.function import Compilation, CompiledFunction, compile
from chainrule.compile.surroundings import Followed

__all__ = ["Compilation", "CompiledFunction", "Followed", "compile"]
