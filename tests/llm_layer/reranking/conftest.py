from __future__ import annotations

import sys
from pathlib import Path

# Under --import-mode=importlib the folder of a test is not on the path.
sys.path.insert(0, str(Path(__file__).parent))
