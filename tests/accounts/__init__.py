"""Tests of accounts and people."""
