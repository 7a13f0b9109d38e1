"""Market data: the catalogue of instruments and securities, kept order books, and subscriptions to them."""
