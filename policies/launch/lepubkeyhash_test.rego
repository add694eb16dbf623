package launch.lepubkeyhash_test

import data.launch.lepubkeyhash
import data.lib.testing

found(kind, valid, hash, listed) := codes if {
	passing := testing.event({
		"origin": {"kind": kind},
		"platform": {"lepubkeyhash": hash},
		"token": {"valid": valid, "mismatches": []},
	})
	codes := testing.codes(lepubkeyhash.violation) with input as passing
		with data.launchgate as testing.site({"lepubkeyhashes": listed})
}

test_the_hash_a_guest_uses_has_to_be_listed if {
	every kind in ["kvm", "guest-agent"] {
		found(kind, true, testing.other, {testing.other: {}}) == set()
		found(kind, true, testing.other, {testing.mrsigner: {}}) == {"lepubkeyhash_not_listed"}
		found(kind, true, testing.other, {}) == {"lepubkeyhash_none_listed"}
		found(kind, true, null, {}) == {"lepubkeyhash_unknown"}
	}
}

test_without_a_valid_token_there_is_nothing_to_judge if {
	found("kvm", false, testing.other, {testing.mrsigner: {}}) == set()
	lepubkeyhash.violation == set() with input as testing.guest("vm-1", {}) with data.launchgate as testing.empty
}

test_elsewhere_there_is_nothing_to_judge if {
	every kind in ["native", "file"] {
		found(kind, true, testing.other, {testing.mrsigner: {}}) == set()
	}
}
