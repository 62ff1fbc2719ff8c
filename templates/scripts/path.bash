{%- if let Some(path) = platform.path %}
# This script sets its own PATH, because a drop-in can replace that of the unit.
export PATH={{ path|safe }}
{%- endif %}
