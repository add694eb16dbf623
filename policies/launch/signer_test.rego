package launch.signer_test

import data.launch.signer
import data.lib.testing

found(listing, changes) := codes if {
	codes := testing.codes(signer.violation) with input as testing.enclave(changes)
		with data.launchgate as testing.signer(listing)
}

test_a_listed_signer_is_not_objected_to if {
	found({}, {}) == set()
	found({"products": {"7": {}}}, {}) == set()
	found({"products": {"7": {"min_isvsvn": 3}}}, {}) == set()
	found({"not_before": testing.now, "not_after": testing.now}, {}) == set()
}

test_a_signer_that_is_not_listed_is_objected_to if {
	found({}, {"mrsigner": testing.other}) == {"signer_not_listed"}
	found({}, {"mrsigner": null}) == {"signer_not_listed"}
}

test_a_product_that_is_not_listed_is_objected_to if {
	found({"products": {}}, {}) == {"product_not_listed"}
	found({"products": {"8": {}}}, {}) == {"product_not_listed"}
	found({"products": {"7": {}}}, {"isvprodid": null}) == {"product_not_listed"}
}

test_a_security_version_below_the_least_is_objected_to if {
	found({"products": {"7": {"min_isvsvn": 4}}}, {}) == {"isvsvn_too_low"}
	found({"products": {"7": {"min_isvsvn": 1}}}, {"isvsvn": null}) == {"isvsvn_too_low"}
}

test_an_extended_product_id_has_to_be_listed_where_any_is if {
	zero := "00000000000000000000000000000000"
	found({"products": {"7": {"isvextprodids": {zero: {}}}}}, {}) == set()
	found({"products": {"7": {"isvextprodids": {}}}}, {}) == {"isvextprodid_not_listed"}
}

test_a_family_id_has_to_be_listed_where_any_is if {
	zero := "00000000000000000000000000000000"
	found({"isvfamilyids": {zero: {}}}, {}) == set()
	found({"isvfamilyids": {}}, {}) == {"isvfamilyid_not_listed"}
}

test_a_listing_holds_only_in_its_time if {
	found({"not_before": testing.now + 1}, {}) == {"signer_not_yet_valid"}
	found({"not_after": testing.now - 1}, {}) == {"signer_expired"}
}

test_every_objection_is_made_at_once if {
	listing := {"not_after": 1, "isvfamilyids": {}, "products": {"7": {"min_isvsvn": 9}}}
	found(listing, {}) == {"signer_expired", "isvfamilyid_not_listed", "isvsvn_too_low"}
}

test_a_public_key_is_objected_to_though_listed if {
	key := {"signer": {"name": "sample key", "key_is_public": true}}
	found({}, key) == {"signer_key_public"}
	found({}, {"signer": {"name": "somebody", "key_is_public": false}}) == set()
}

test_a_measurement_that_admits_voids_the_objections if {
	signer.violation == set() with input as testing.ordinary with data.launchgate as testing.measurement({})
}
