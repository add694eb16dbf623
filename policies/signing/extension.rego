# METADATA
# title: Where rules of your own go
# description: >-
#   Whatever a policy folder defines in this package under the names of conftest counts as if it stood here: deny and warn
#   contain what denies and warns by default, violation what denies whatever the data document says. An item is an object
#   with code and message, or with msg, or just a text.
package signing.custom

# METADATA
# title: What denies, unless the data document says otherwise
deny contains found if some found in []

# METADATA
# title: What warns, unless the data document says otherwise
warn contains found if some found in []

# METADATA
# title: What denies whatever the data document says
violation contains found if some found in []
