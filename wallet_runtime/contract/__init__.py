"""Names and rules that the wallet platform and the operators' toolkit share, by topic.

The toolkit may import only this package of the platform. The package itself imports neither the
rest of the platform, nor the toolkit, nor a driver.
"""
