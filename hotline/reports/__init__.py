"""Reports: a frozen value from one query each, and what it looks like as table, text, CSV, XLSX and charts."""
