hosts before=resolve,dns aiodns [!UNAVAIL=return]
