"""The Helm chart, and what renews the copies in it."""
