"""How good: error rates on labelled photos, and the thresholds that follow from them."""
