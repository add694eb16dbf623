package launch.revocation_test

import data.launch.revocation
import data.lib.testing

found(revoked, changes) := codes if {
	codes := testing.codes(revocation.violation) with input as testing.enclave(changes)
		with data.launchgate as testing.site({"revoked": revoked})
}

why := {"reason": "stolen"}

test_nothing_revoked_is_not_objected_to if {
	found({}, {}) == set()
	found({"mrenclaves": {testing.other: why}, "mrsigners": {testing.other: why}}, {}) == set()
	found({"products": {testing.other: {"7": why}, testing.mrsigner: {"8": why}}}, {}) == set()
}

test_what_is_revoked_is_objected_to if {
	found({"mrenclaves": {testing.mrenclave: why}}, {}) == {"mrenclave_revoked"}
	found({"mrsigners": {testing.mrsigner: why}}, {}) == {"mrsigner_revoked"}
	found({"products": {testing.mrsigner: {"7": why}}}, {}) == {"product_revoked"}
}

test_a_product_is_revoked_up_to_and_including_a_security_version if {
	upto := {"products": {testing.mrsigner: {"7": {"reason": "bug", "max_isvsvn": 3}}}}
	found(upto, {"isvsvn": 2}) == {"product_revoked"}
	found(upto, {"isvsvn": 3}) == {"product_revoked"}
	found(upto, {"isvsvn": 4}) == set()
	found(upto, {"isvsvn": null}) == {"product_revoked"}
}
