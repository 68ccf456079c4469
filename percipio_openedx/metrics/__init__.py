"""Figures for those who scrape, in Prometheus's text form. Needs the ``metrics`` extra (``prometheus_client``)."""
