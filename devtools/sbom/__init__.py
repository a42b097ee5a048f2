"""What is deployed, as a software bill of materials and as a list of licences."""
