"""The study of this paper's claims: what is run, how it is judged and drawn, and what came out."""
