package lib.validity_test

import data.lib.validity

at(time) := {"time": time}

test_not_before_is_the_first_valid_second if {
	validity.early({"not_before": 100}) with input as at(99)
	not validity.early({"not_before": 100}) with input as at(100)
	not validity.early({}) with input as at(1)
}

test_not_after_is_the_last_valid_second if {
	not validity.late({"not_after": 100}) with input as at(100)
	validity.late({"not_after": 100}) with input as at(101)
	not validity.late({}) with input as at(1)
}

test_expires_is_the_first_second_without if {
	validity.current({"expires": 100}) with input as at(99)
	not validity.current({"expires": 100}) with input as at(100)
}

test_what_is_no_number_is_outside if {
	every entry in [{"not_before": "2026-01-01T00:00:00Z"}, {"not_before": 100}] {
		validity.early(entry) with input as at(null)
	}
	every entry in [{"not_after": "2026-01-01T00:00:00Z"}, {"not_after": 100}] {
		validity.late(entry) with input as at(null)
	}
	validity.early({"not_before": "2026"}) with input as at(100)
	validity.late({"not_after": "2026"}) with input as at(100)
	not validity.current({"expires": "2026"}) with input as at(100)
	not validity.current({"expires": 100}) with input as at(null)
}
