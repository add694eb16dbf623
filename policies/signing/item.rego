# METADATA
# title: Items in conftest's manner
# description: >-
#   A rule of one's own may give a text, or an object with msg, instead of an object with code and message. Whatever it
#   gives becomes an item: nothing that was found is lost for its form.
package signing.item

# METADATA
# title: What a rule found, as an item with code and message
# description: The code of an item without one is custom.
of(found) := item(found, said(found)) if is_object(found)

of(found) := item({}, substring(found, 0, 1000)) if is_string(found)

of(found) := item({}, unsaid) if {
	not is_object(found)
	not is_string(found)
}

item(found, message) := object.union(object.union({"code": "custom"}, found), {"message": message})

said(found) := substring(found.message, 0, 1000) if is_string(found.message)

else := substring(found.msg, 0, 1000) if is_string(found.msg)

else := unsaid

unsaid := "a rule of this policy objects, and does not say why"
