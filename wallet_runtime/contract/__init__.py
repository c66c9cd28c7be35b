"""Names that the wallet platform and its operators share, a room per topic.

This package is all that the toolkit may import of the runtime. It imports neither side and no
driver.
"""
