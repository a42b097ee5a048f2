"""For those who change this project: code generation, supply chain, static checks."""
