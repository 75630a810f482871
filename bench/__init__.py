"""Speed, measured beside others in the same run. Nothing here is part of the product."""
