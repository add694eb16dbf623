package signing.xfrm_test

import data.signing.testing
import data.signing.xfrm

test_x87_and_sse_are_always_on if {
	testing.codes(xfrm.violation) == {"xfrm_legacy_off"} with input as testing.finding("xfrm_legacy_off")
}

inconsistent(words) := groups if {
	groups := {item.group |
		some item in xfrm.violation
		item.code == "xfrm_inconsistent"
	} with input as testing.bits(words)
}

test_groups_come_together_or_not_at_all if {
	inconsistent({"bndregs": "on"}) == {"mpx"}
	inconsistent({"bndcsr": "on"}) == {"mpx"}
	inconsistent({"xtiledata": "on"}) == {"amx"}
	inconsistent({"avx": "on", "opmask": "on", "hi16_zmm": "on"}) == {"avx512"}
	inconsistent({"opmask": "on", "zmm_hi256": "on", "hi16_zmm": "on"}) == {"avx"}
	inconsistent({"avx": "on", "opmask": "on", "zmm_hi256": "on", "hi16_zmm": "on"}) == set()
	inconsistent({"avx": "unknown", "opmask": "on", "zmm_hi256": "on", "hi16_zmm": "on"}) == set()
	inconsistent({"bndregs": "on", "bndcsr": "on", "xtilecfg": "on", "xtiledata": "on", "pkru": "on"}) == set()
	inconsistent({"bndregs": "on", "bndcsr": "unknown"}) == set()
}

warned(words) := codes if {
	codes := testing.codes(xfrm.warn) with input as testing.bits(words)
}

test_a_group_that_is_enforced_in_part_is_warned_of if {
	warned({"opmask": "unknown"}) == {"xfrm_group_split"}
	warned({"avx": "on", "opmask": "on", "zmm_hi256": "on", "hi16_zmm": "unknown"}) == {"xfrm_group_split"}
	warned({"avx": "unknown", "opmask": "unknown", "zmm_hi256": "unknown", "hi16_zmm": "unknown"}) == set()
}

test_free_state_beyond_avx_is_warned_of if {
	warned({"pkru": "unknown"}) == {"xfrm_free"}
	warned({"xtilecfg": "unknown", "xtiledata": "unknown"}) == {"xfrm_free"}
	warned({"bndregs": "unknown"}) == {"xfrm_free", "xfrm_group_split"}
	warned({"avx": "unknown"}) == set()
	warned({}) == set()
}
