package signing.extension_test

import data.signing.custom

test_nothing_stands_here_but_what_a_policy_folder_adds if {
	custom.deny == set()
	custom.warn == set()
	custom.violation == set()
}
