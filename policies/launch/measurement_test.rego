package launch.measurement_test

import data.launch.measurement
import data.lib.testing

found(listing, changes) := codes if {
	codes := testing.codes(measurement.violation) with input as testing.enclave(changes)
		with data.launchgate as testing.measurement(listing)
}

test_a_listing_that_holds_is_not_objected_to if {
	found({}, {}) == set()
	found({"mrsigner": testing.mrsigner, "isvprodid": 7, "min_isvsvn": 3}, {}) == set()
	found({"isvprodid": 0, "min_isvsvn": 0}, {"isvprodid": 0, "isvsvn": 0}) == set()
}

test_a_measurement_that_is_not_listed_is_no_concern_here if {
	found({"mrsigner": testing.other}, {"mrenclave": testing.other}) == set()
}

test_a_pin_that_does_not_fit_is_objected_to if {
	found({"mrsigner": testing.other}, {}) == {"mrenclave_signer_mismatch"}
	found({"mrsigner": testing.other}, {"mrsigner": null}) == {"mrenclave_signer_mismatch"}
	found({"isvprodid": 0}, {}) == {"mrenclave_product_mismatch"}
	found({"min_isvsvn": 4}, {}) == {"mrenclave_isvsvn_too_low"}
	found({"not_before": testing.now + 1}, {}) == {"mrenclave_not_yet_valid"}
	found({"not_after": testing.now - 1}, {}) == {"mrenclave_expired"}
}

test_a_signer_that_admits_voids_the_objections if {
	listed := object.union(testing.signer({}), {"mrenclaves": {testing.mrenclave: {"name": "app", "isvprodid": 8}}})
	measurement.violation == set() with input as testing.ordinary with data.launchgate as listed
}
