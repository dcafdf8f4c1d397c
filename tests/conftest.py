"""Fixtures for all tests."""

from tests.kit.databases import empty_url, postgres, postgres_url, sql, sqlite_template, sqlite_url, url

__all__ = ["empty_url", "postgres", "postgres_url", "sql", "sqlite_template", "sqlite_url", "url"]
