"""Test calls: dialled by plan, listened to, classified, and counted honestly."""
