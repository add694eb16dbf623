package signing.kss_test

import data.signing.kss
import data.signing.testing

found(words) := testing.changed(object.union({"findings": ["kss_fields_without_kss"]}, words))

family := {"isvfamilyid": "00000000000000000000000000000001"}

test_a_family_where_kss_is_forbidden_is_a_violation if {
	event := found({"enclave": {"kss": "off"}, "sigstruct": family})
	testing.codes(kss.violation) == {"kss_forbidden"} with input as event
	kss.deny == set() with input as event
}

test_fields_of_kss_without_it_deny if {
	every event in [
		found({"enclave": {"kss": "off"}}),
		found({"enclave": {"kss": "unknown"}}),
		found({"enclave": {"kss": "unknown"}, "sigstruct": family}),
	] {
		testing.codes(kss.deny) == {"kss_fields_without_kss"} with input as event
		kss.violation == set() with input as event
	}
	kss.deny == set() with input as testing.release
	kss.violation == set() with input as testing.sigstruct(family)
}
