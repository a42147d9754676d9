"""The program that owns one run: started as `python -S -I shim.py FD`, it lives and dies with its control channel.

Only the standard library, and as little of it as possible: `json` alone would double the start of 10 ms.
The protocol is told in `shim_loop`.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dct_site.kernel.process.shim_loop import Shim
else:
    # `-I` leaves the project off the path on purpose. Appended, so that the standard library always wins.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from process.shim_loop import Shim

if __name__ == "__main__":
    sys.exit(Shim(int(sys.argv[1])).run())
