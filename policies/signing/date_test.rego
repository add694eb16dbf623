package signing.date_test

import data.signing.date
import data.signing.testing

test_a_date_that_says_nothing_is_warned_of if {
	every code in ["date_zero", "date_not_bcd", "date_not_a_day"] {
		testing.codes(date.warn) == {code} with input as testing.finding(code)
	}
	date.warn == set() with input as testing.release
}

future(seconds, site) := codes if {
	codes := testing.codes(date.deny) with input as testing.sigstruct({"date_unix": testing.now + seconds})
		with data.launchgate as site
}

test_a_date_to_come_denies if {
	future(86401, testing.empty) == {"date_in_future"}
	future(86400, testing.empty) == set()
	future(1, testing.site({"max_future_days": 0})) == {"date_in_future"}
	future(0, testing.site({"max_future_days": 0})) == set()
	future(864000, testing.site({"max_future_days": 10})) == set()
	future(864001, testing.site({"max_future_days": 10})) == {"date_in_future"}
	future(86401, testing.site({"max_future_days": "ten"})) == {"date_in_future"}
}

test_a_date_that_is_none_is_not_to_come if {
	date.deny == set() with input as testing.sigstruct({"date_unix": null}) with data.launchgate as testing.empty
}
