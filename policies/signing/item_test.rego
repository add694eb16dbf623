package signing.item_test

import data.signing.item

test_an_item_stays_what_it_is if {
	whole := {"code": "ours", "message": "no", "bits": ["kss"]}
	item.of(whole) == whole
}

test_conftests_forms_become_items if {
	item.of("no") == {"code": "custom", "message": "no"}
	item.of({"msg": "no", "code": "ours"}) == {"code": "ours", "message": "no", "msg": "no"}
	item.of({"msg": "no", "details": {"a": 1}}) == {
		"code": "custom",
		"message": "no",
		"msg": "no",
		"details": {"a": 1},
	}
}

test_nothing_is_lost_for_its_form if {
	every odd in [null, 7, true, [], {}] {
		item.of(odd) == {"code": "custom", "message": "a rule of this policy objects, and does not say why"}
	}
	item.of({"msg": 7}).message == "a rule of this policy objects, and does not say why"
	count(item.of(concat("", [x | some _ in numbers.range(1, 2000); x := "x"])).message) == 1000
}
