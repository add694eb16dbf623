package signing.mask_test

import data.signing.mask
import data.signing.testing

free(bits) := testing.sigstruct({"attributemask": {"bits": {bit: false | some bit in bits}}})

test_keys_that_are_the_launchers_to_give_deny if {
	mask.deny == {{
		"code": "mask_key_free",
		"message": "ATTRIBUTEMASK leaves free: einittokenkey, provisionkey",
		"bits": ["einittokenkey", "provisionkey"],
	}} with input as free({"provisionkey", "einittokenkey", "debug", "kss"})
	mask.deny == set() with input as free({"kss", "debug", "init", "avx"})
}

test_modes_that_are_the_launchers_to_choose_are_warned_of if {
	every bit in ["mode64bit", "cet", "kss", "aexnotify"] {
		mask.warn == {{
			"code": "mask_bit_free",
			"message": concat("", ["ATTRIBUTEMASK leaves free: ", bit]),
			"bits": [bit],
		}} with input as free({bit})
	}
	mask.warn == set() with input as free({"debug", "provisionkey", "init", "avx"})
}

test_a_miscmask_with_holes_is_warned_of if {
	testing.codes(mask.warn) == {"miscmask_open"} with input as testing.sigstruct({"miscmask": "0xfffffffe"})
	mask.warn == set() with input as testing.release
}
