package signing.attributes_test

import data.signing.attributes
import data.signing.testing

test_init_is_never_to_be_demanded if {
	testing.codes(attributes.violation) == {"init_pinned"} with input as testing.finding("init_pinned")
	attributes.violation == set() with input as testing.release
}

test_bits_without_a_name_deny if {
	attributes.deny == {{
		"code": "attributes_reserved",
		"message": concat("", [
			"ATTRIBUTES demands bits that have no name: flags 0x0000000000000004, ",
			"xfrm 0x0000000000000003",
		]),
	}} with input as testing.finding("attributes_reserved") with data.launchgate as testing.empty
}

set_outside(bits) := testing.sigstruct({
	"attributes": {"bits": {bit: true | some bit in bits}},
	"attributemask": {"bits": {bit: false | some bit in bits}},
})

test_bits_outside_the_mask_are_warned_of if {
	attributes.warn == {{
		"code": "attribute_outside_mask",
		"message": "ATTRIBUTES has, and ATTRIBUTEMASK does not cover: avx, debug",
		"bits": ["avx", "debug"],
	}} with input as set_outside({"avx", "debug"})
	attributes.warn == set() with input as set_outside({"x87", "sse"})
	attributes.warn == set() with input as testing.sigstruct({"attributemask": {"bits": {"avx": false}}})
}

required(words, wanted) := messages if {
	messages := {item.message | some item in attributes.deny} with input as testing.bits(words)
		with data.launchgate as testing.site({"require": wanted})
}

test_a_bit_is_signed_as_required if {
	every row in [
		["on", "on"],
		["off", "off"],
		["on", "pinned"],
		["off", "pinned"],
	] {
		required({"kss": row[0]}, {"kss": row[1]}) == set()
	}
	required({"kss": "off"}, {"kss": "on"}) == {"kss is off, required is on"}
	required({"kss": "unknown"}, {"kss": "on"}) == {"kss is free, required is on"}
	required({"kss": "unknown"}, {"kss": "pinned"}) == {"kss is free, required is pinned"}
	required({}, {"kss": "unheard"}) == {"kss is off, required is unheard"}
	required({}, {"nothing": "off"}) == {"nothing is free, required is off"}
}
