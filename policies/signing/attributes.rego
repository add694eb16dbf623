# METADATA
# title: What it demands of ATTRIBUTES
package signing.attributes

import data.lib.text
import data.signing.shown

# METADATA
# title: INIT is demanded
# description: No enclave has INIT before EINIT has succeeded, so EINIT refuses every launch with SGX_INVALID_ATTRIBUTE.
# custom:
#   code: init_pinned
#   fix: sign without INIT in ATTRIBUTES
violation contains {
	"code": "init_pinned",
	"message": "ATTRIBUTES demands INIT, which no enclave has before EINIT",
} if {
	"init_pinned" in input.findings
}

# METADATA
# title: A bit without a name is demanded
# description: No CPU is known that has it, and Linux refuses the launch. EINIT will, wherever the CPU cannot set the bit.
# custom:
#   code: attributes_reserved
#   fix: sign without reserved bits in ATTRIBUTES
deny contains {
	"code": "attributes_reserved",
	"message": concat("", [
		"ATTRIBUTES demands bits that have no name: flags ",
		shown.flags,
		", xfrm ",
		shown.xfrm,
	]),
} if {
	"attributes_reserved" in input.findings
}

# METADATA
# title: A bit is set that the mask does not cover
# description: >-
#   ATTRIBUTES shows a bit that no launch need have: outside ATTRIBUTEMASK the CPU does not look. Who reads the SIGSTRUCT may
#   rely on it all the same.
# custom:
#   code: attribute_outside_mask
#   fix: put the bit into ATTRIBUTEMASK, or take it out of ATTRIBUTES
warn contains {
	"code": "attribute_outside_mask",
	"message": concat("", ["ATTRIBUTES has, and ATTRIBUTEMASK does not cover: ", concat(", ", sort(names))]),
	"bits": sort(names),
} if {
	names := {bit |
		some bit, set in input.sigstruct.attributes.bits
		set == true
		input.sigstruct.attributemask.bits[bit] == false
		not bit in {"x87", "sse"}
	}
	count(names) > 0
}

# METADATA
# title: A bit is not signed as this site requires
# description: data.launchgate.signing.require says which bits each release must enforce, and how.
# custom:
#   code: bit_not_as_required
#   fix: sign with the bit in ATTRIBUTEMASK, and in ATTRIBUTES where it is required on
deny contains {
	"code": "bit_not_as_required",
	"message": concat("", [text.short(bit), " is ", state(bit), ", required is ", text.short(required)]),
	"bit": bit,
} if {
	some bit, required in data.launchgate.signing.require
	not satisfied(bit, required)
}

satisfied(bit, required) if {
	required in {"on", "off"}
	input.enclave.bits[bit] == required
}

satisfied(bit, "pinned") if input.enclave.bits[bit] in {"on", "off"}

state(bit) := input.enclave.bits[bit] if input.enclave.bits[bit] in {"on", "off"}

else := "free"
