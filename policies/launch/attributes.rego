# METADATA
# title: Which ATTRIBUTES bits it has
# description: >-
#   The bits that the data document forbids and requires for every launch, those of XFRM included. A bit that is not
#   known is a violation of both, whatever the profile: who names a bit wants to know.
package launch.attributes

import data.lib.text

# METADATA
# title: A forbidden bit is on
# description: The bit is among data.launchgate.attributes.forbid.
# custom:
#   code: attribute_forbidden
#   fix: launch without the bit
violation contains found("attribute_forbidden", bit, entry, " is on and forbidden") if {
	some bit, entry in data.launchgate.attributes.forbid
	input.enclave.bits[bit] == "on"
}

# METADATA
# title: A forbidden bit may be on
# description: The bit is among data.launchgate.attributes.forbid.
# custom:
#   code: attribute_forbidden_unknown
#   fix: sign with the bit in ATTRIBUTEMASK and not in ATTRIBUTES
violation contains found("attribute_forbidden_unknown", bit, entry, " may be on and is forbidden") if {
	some bit, entry in data.launchgate.attributes.forbid
	unknown(bit)
}

# METADATA
# title: A required bit is off
# description: The bit is among data.launchgate.attributes.require.
# custom:
#   code: attribute_required
#   fix: launch with the bit
violation contains found("attribute_required", bit, entry, " is off and required") if {
	some bit, entry in data.launchgate.attributes.require
	input.enclave.bits[bit] == "off"
}

# METADATA
# title: A required bit may be off
# description: The bit is among data.launchgate.attributes.require.
# custom:
#   code: attribute_required_unknown
#   fix: sign with the bit in ATTRIBUTES and in ATTRIBUTEMASK
violation contains found("attribute_required_unknown", bit, entry, " may be off and is required") if {
	some bit, entry in data.launchgate.attributes.require
	unknown(bit)
}

unknown(bit) if {
	not input.enclave.bits[bit] == "on"
	not input.enclave.bits[bit] == "off"
}

found(code, bit, entry, what) := {
	"code": code,
	"message": concat("", ["attribute ", text.short(bit), what, ": ", text.reason(entry)]),
	"attribute": bit,
}
