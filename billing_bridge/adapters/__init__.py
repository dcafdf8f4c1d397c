"""One operator's billing interface a file, each fulfilling `billing_bridge.port.BillingPort`."""
