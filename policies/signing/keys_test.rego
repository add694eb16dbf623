package signing.keys_test

import data.signing.keys
import data.signing.testing

asking(bit) := testing.sigstruct({"attributes": {"bits": {bit: true}}})

test_a_key_of_the_platform_denies if {
	every key in ["provisionkey", "einittokenkey"] {
		testing.codes(keys.deny) == {concat("", [key, "_requested"])} with input as asking(key)
	}
	keys.deny == set() with input as asking("kss")
	keys.deny == set() with input as testing.release
}
