"""The type of free-form JSON: the figures and ids that a step, a check or an effect reports.

All other data that is stored on disk has a typed struct.
"""

JsonObject = dict[str, object]
