"""What everyone may ask and hear: lists, books, trades, tickers."""
