"""What verification costs, beside what people would otherwise run. Not part of the product.

places         the bench's own environments and bundle, below `.bench/`
contenders/    what is measured; each runs in its own process, in its own environment
endpoint       a DynamoDB that answers fixed rows
pairs          ratios of neighbouring measurements, and how far to trust them
cold, warm, rates, runtime, growth, size    the measurements
cost           what a million verifications cost
figures        the bars and goals
report, pages  results.json, the table, the docs
charts         bars as SVG
"""
