"""The one name for free-form JSON: figures and ids that a step, a check or an effect tells.

Everything else that outlives a process is a typed struct.
"""

JsonObject = dict[str, object]
