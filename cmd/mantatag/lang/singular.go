package lang

// singular are English sentences as they are said of one: where argument 1 is 1.
// Chinese has no plural.
var singular = map[string]string{
	"%[1]d are on their way: sent or about to be, and not answered yet.":                                                              "%[1]d is on its way: sent or about to be, and not answered yet.",
	"%[1]d of them had their outcome from an earlier run.":                                                                            "%[1]d of them had its outcome from an earlier run.",
	"%[1]d cannot be sent as they are.":                                                                                               "%[1]d cannot be sent as it is.",
	"%[1]d ask for the same as a row before them, and share its outcome.":                                                             "%[1]d asks for the same as a row before it, and shares its outcome.",
	"%[1]d may have been done: a request for each was sent, or about to be, and no answer of the API's own came (mantatag_in_doubt).": "%[1]d may have been done: a request for it was sent, or about to be, and no answer of the API's own came (mantatag_in_doubt).",
	"%[1]d requests in %[2]s.":                                                                                                        "%[1]d request in %[2]s.",
	"%[1]d requests in %[2]s, %[3]d of them over the rate limit and sent again.":                                                      "%[1]d request in %[2]s, %[3]d of them over the rate limit and sent again.",
	"The API's limit is not settled yet: %[2]d of %[1]d requests were over it.":                                                       "The API's limit is not settled yet: %[2]d of %[1]d request was over it.",
	"one tag on one client each, of %[1]d rows":                                                                                       "one tag on one client each, of %[1]d row",
	"mappings in all, of %[1]d rows":                                                                                                  "mappings in all, of %[1]d row",
	"%[1]d lines above the header are passed over.":                                                                                   "%[1]d line above the header is passed over.",
	"%[1]d rows that the last run of this job found in %[2]s with other flags are still to be sent, and are not among this run's; this sends them: %[3]s": "%[1]d row that the last run of this job found in %[2]s with other flags is still to be sent, and is not among this run's; this sends it: %[3]s",
	"%[1]d rows of %[2]s, of which the last run of this job was, are still to be sent, and are not among this run's; this sends them: %[3]s":              "%[1]d row of %[2]s, of which the last run of this job was, is still to be sent, and is not among this run's; this sends it: %[3]s",
	"standard input lacks %[1]d rows of the last run's that are still to be sent; the old input is kept in %[2]s, and this sends them: %[3]s":             "standard input lacks %[1]d row of the last run's that is still to be sent; the old input is kept in %[2]s, and this sends it: %[3]s",
	"… and %[1]d kinds more; --json has them all": "… and %[1]d kind more; --json has them all",
	"%[1]d rows of the sheet %[2]q are hidden, as by a filter, and are sent too; if only the visible ones are meant, stop the run and copy those into a sheet of their own": "%[1]d row of the sheet %[2]q is hidden, as by a filter, and is sent too; if only the visible ones are meant, stop the run and copy those into a sheet of their own",
	"%[1]d cells look odd and were sent as they are; mantatag check lists them":                                                                                             "%[1]d cell looks odd and was sent as it is; mantatag check lists it",
	"%[1]d rows in a row were refused with no success between (the last: %[2]s); check the tag and the ids, or raise --stop-after-failures":                                 "%[1]d row was refused with no success before it (%[2]s); check the tag and the ids, or raise --stop-after-failures",
}
