package iso20022_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

func TestReasonsKeepToTheCodeSetsOfTheirUses(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, r := range iso20022.Reasons() {
		if r.Name == "" || !strings.HasSuffix(r.Definition, ".") || len(r.Definition) > 210 || len(r.Uses) == 0 {
			t.Errorf("%+v is incomplete, or too long for a text", r)
		}
		code := r.Code
		if r.WrittenAs != "" {
			code = r.WrittenAs
		}
		for _, use := range r.Uses {
			if !slices.Contains(strings.Fields(codeSets[use]), code) {
				t.Errorf("%s is not in the code set of %s", code, use)
			}
			if key := r.Code + " " + string(use); seen[key] {
				t.Errorf("%s has two meanings", key)
			} else {
				seen[key] = true
			}
			if found, ok := iso20022.LookupReason(use, r.Code); !ok || found.Definition != r.Definition {
				t.Errorf("looking up %s for %s gives %+v", r.Code, use, found)
			}
		}
	}
	if !slices.IsSortedFunc(iso20022.Reasons(), func(a, b iso20022.Reason) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("the reasons are not ordered by code")
	}
}

// The codes that the custodian's own states carry must be known where the
// states put them.
func TestTheCustodiansCodesAreKnown(t *testing.T) {
	t.Parallel()
	for use, codes := range map[iso20022.Use]string{
		iso20022.UseRejected:           "SAFE DSEC DQUA LATE ULNK",
		iso20022.UsePendingProcessing:  "ADEA BLOC LACK MONY",
		iso20022.UseUnmatched:          "CMIS DMON DQUA DSEC DDAT DTRD DELN ICUS",
		iso20022.UsePending:            "PREA PRCY BOTH CSDH FUTU LACK CLAC MONY CMON LINK FROZ",
		iso20022.UseFailing:            "LACK CLAC MONY CMON LATE CLAT",
		iso20022.UsePartialSettlement:  "PAIN PARC",
		iso20022.UseCancelled:          "CANI CANS CORP",
		iso20022.UseProcessingStatus:   "CAND CANP",
		iso20022.UseCancellationDenied: "DSET DPRG",
	} {
		for code := range strings.FieldsSeq(codes) {
			if _, ok := iso20022.LookupReason(use, code); !ok {
				t.Errorf("%s is not known for %s", code, use)
			}
		}
	}
}

func TestACodeIsKnownOnlyWhereItMayStand(t *testing.T) {
	t.Parallel()
	for use, code := range map[iso20022.Use]string{
		iso20022.UsePending: "CANI", iso20022.UseFailing: "FUTU", iso20022.UseUnmatched: "LACK", iso20022.UseCancelled: "CAND", iso20022.UseHold: "PREA",
	} {
		if r, ok := iso20022.LookupReason(use, code); ok {
			t.Errorf("%s may stand for %s: %+v", code, use, r)
		}
	}
	if _, ok := iso20022.LookupReason("", ""); ok {
		t.Error("an empty code is known")
	}
}

func TestTheListOfReasonsIsACopy(t *testing.T) {
	t.Parallel()
	iso20022.Reasons()[0].Code = "XXXX"
	if iso20022.Reasons()[0].Code == "XXXX" {
		t.Error("the list can be changed")
	}
}
